export type Severity = 'error' | 'warning' | 'information' | 'hint';

/** Most severe first. */
export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'information', 'hint'];

export interface Rule {
  readonly title: string;
  readonly severity: Severity;
  /** What it means, why, and on which grounds; Markdown. Also the text of the documentation page. */
  readonly documentation: string;
}

const SMALL_BATCHES =
  'This holds for full-batch and, approximately, large-batch training. Small batches can reverse the dependence on β₂ (Cattaneo & Shigida 2026), so it is no advice for them.';

/** Every diagnostic by its code, which is also the anchor of its documentation. */
export const RULES = {
  'beta-out-of-range': {
    title: 'Decay rate outside [0, 1)',
    severity: 'error',
    documentation:
      'β₁, β₂ and RMSprop’s α are decay rates of moving averages. Outside [0, 1) the average does not forget, or oscillates; most frameworks refuse the value.',
  },
  'momentum-out-of-range': {
    title: 'Momentum outside [0, 1)',
    severity: 'error',
    documentation:
      'With a momentum of 1 or more, past steps never fade; a negative momentum is refused by most frameworks.',
  },
  'learning-rate-not-positive': {
    title: 'Learning rate not positive',
    severity: 'error',
    documentation:
      'A negative learning rate ascends the loss, and 0 trains nothing. If a schedule or a callback sets it later, ignore this.',
  },
  'eps-negative': {
    title: 'Negative ε',
    severity: 'error',
    documentation: 'ε keeps the denominator away from 0. A negative value can make it 0 or negative.',
  },
  'eps-zero': {
    title: 'ε is 0',
    severity: 'information',
    documentation:
      'With ε = 0 a coordinate whose gradients have all been 0 divides 0 by 0. The error bound of the theory also grows without limit as ε → 0 (Cattaneo, Klusowski & Shigida 2024, limitations).',
  },
  'weight-decay-negative': {
    title: 'Negative weight decay',
    severity: 'error',
    documentation: 'A negative weight decay makes parameters grow. Most frameworks refuse it.',
  },
  'memories-far-apart': {
    title: 'β₁ and β₂ far apart',
    severity: 'information',
    documentation: `(1−β₁)/(1−β₂) says how much longer the second moment remembers than the first. After long training to low loss, others measured the boundary between quiet and spiky runs at 1−β₂ ≈ C·(1−β₁)^p with p between 0.75 and 1.06 on six tasks; the common defaults (0.9, 0.999), a ratio of 100, lie in the spiky phase, and this is reported only beyond them, and nothing where β₁ is at most 0.5, as in adversarial training. It is a statement on late training, and none on how training goes until then. Ma, Wu & E (2022) find smoother and faster convergence when the two are close. ${SMALL_BATCHES}`,
  },
  'memories-reversed': {
    title: 'β₁ remembers longer than β₂',
    severity: 'information',
    documentation:
      'When the first moment remembers much longer than the second, (1−β₂)/(1−β₁) > 3, the settings lie in the direction of the divergence regime of Ma, Wu & E (2022), a study of full-batch training. The threshold is a heuristic of this tool.',
  },
  'eps-regime': {
    title: 'ε large enough to change the regime',
    severity: 'information',
    documentation:
      'Where ε (outside the root) or √ε (inside it) is large against a coordinate’s gradient, theory predicts that the squared two-norm of the loss gradient is penalized instead of the one-norm being favoured. The optimizer also loses its adaptivity there, so a large ε is not recommended as a regularizer. Reported from 1e-3 on, a heuristic of this tool. Grounds: equations (6)–(7) of On the Implicit Bias of Adam.',
  },
  'eps-placement': {
    title: 'ε not where PyTorch has it',
    severity: 'hint',
    documentation:
      'Frameworks differ in where ε stands. Inside the root, √(v + ε), 1e-8 acts on gradients of about 1e-4; outside, √v + ε, it acts on gradients of about 1e-8. Keras’ Adam adds it before the bias correction, which makes it 1/√(1−β₂) times larger at the first step. Values cannot be carried over unchanged.',
  },
  'centered-rmsprop': {
    title: 'No theory for centered RMSprop',
    severity: 'hint',
    documentation:
      'With a constant gradient the variance that centered RMSprop divides by tends to 0, so the first-order correction is not defined in the full-batch limit. No strength is shown.',
  },
  'amsgrad-state-dependent': {
    title: 'With AMSGrad the correction depends on the state',
    severity: 'hint',
    documentation:
      'AMSGrad keeps the largest second moment. While it still grows the optimizer equals Adam; where it is latched, theory predicts a regularizing effect. Which coordinates are latched only a run can tell.',
  },
  'rmsprop-momentum': {
    title: 'RMSprop’s momentum multiplies the anti-regularization',
    severity: 'hint',
    documentation: `RMSprop’s momentum acts after the division: the steps become 1/(1−μ) times as long, and in full-batch training theory predicts that the weight of the one-norm becomes −h·α/((1−α)(1−μ)). At equal length of the steps, with the learning rate made (1−μ) times as large, it is the same for every momentum. In Adam β₁ does offset it. ${SMALL_BATCHES}`,
  },
  'l2-in-adaptive-optimizer': {
    title: 'Weight decay is an L2 penalty here',
    severity: 'hint',
    documentation:
      'In this optimizer `weight_decay` adds λθ to the gradient, so that it passes through both moments: it is not the decoupled decay of AdamW, and the norm in the theory is that of the gradient with the penalty.',
  },
  'lion-learning-rate': {
    title: 'Learning rate high for Lion',
    severity: 'hint',
    documentation:
      'The documentation of Keras and MLX recommends for Lion a learning rate 3 to 10 times smaller, and a weight decay 3 to 10 times larger, than for AdamW.',
  },
} as const satisfies Record<string, Rule>;

export type RuleCode = keyof typeof RULES;

/** The documentation page of all rules, in Markdown. */
export function rulesPage(): string {
  const sections = Object.entries(RULES).map(
    ([code, { title, severity, documentation }]) => `## ${code}\n\n**${title}** (${severity})\n\n${documentation}\n`,
  );
  return `# Diagnostics\n\nTo silence a line, end it with \`# optimizer-bias: ignore\` or \`# optimizer-bias: ignore[code]\` (\`//\` in JSON with comments).\n\n${sections.join('\n')}`;
}
