/** The first part of the documentation page: every term that the editor shows. Headings are anchors of links. */
export const EXPLANATION = `# Optimizer Bias

Adam and its relatives take finite steps, and their moments remember past gradients. Backward error analysis says what that amounts to: to the next order in the step size, training follows another loss. This extension shows by how much it differs.

## Strength

In full-batch training with a small ε, Adam acts as if the loss E were

    E + h·κ·‖∇E‖₁        κ = β₁/(1−β₁) − β₂/(1−β₂)

with the learning rate h and the one-norm ‖∇E‖₁ of the loss gradient.

- **Anti-regularizing** (h·κ negative, as with the usual betas): the reduction of the norm is impeded.
- **Regularizing** (h·κ positive): the reduction of the norm is favoured.

The number beside the word is |h·κ|. It is the limit for many steps: at the first step it is 0, because the moments remember nothing yet, and it builds up over a few 1/(1−β₂) steps, as the picture in the hover shows.

Source: Cattaneo, Klusowski and Shigida, [On the Implicit Bias of Adam](https://arxiv.org/abs/2309.00079), ICML 2024.

## Validity

The strength is the first term of an expansion that needs h·κ to be small. Up to 0.1 it can hold, and a run shows for which parameters; above 0.3 it does not. These limits are heuristics of this tool. "Theory out of range" says that the number should not be trusted in size and, for many parameters, in sign. It says nothing against the learning rate.

## Switch

Where a coordinate's gradient is small against ε (outside the root) or √ε (inside it), its term changes sign: it is regularized. The hover gives the size of the gradient at which that happens.

## Batch size

All of this is a statement about full-batch and, approximately, large-batch training. With small batches the dependence on β₂ can be reversed, and (0.9, 0.999) is a good choice there: [Cattaneo and Shigida, 2026](https://arxiv.org/abs/2602.01642).
`;
