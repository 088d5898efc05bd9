/** Whether the numbers came out as claimed; `undecided` where they cannot tell, `measured` where nothing is claimed of them. */
export type Agreement = 'agrees' | 'disagrees' | 'undecided' | 'measured';

/** What numbers are compared with: what a theorem says, or what a paper's own experiments showed. */
export type Claim = 'the theory' | 'what the paper saw';

/** What was seen and what follows from it. The sentence and the badge above a result are both read off it. */
export interface Verdict {
  readonly agreement: Agreement;
  /** What was seen and whether it agrees, in one sentence that is computed from the numbers. */
  readonly sentence: string;
  /** Absent where nothing is claimed. */
  readonly claim?: Claim;
  /** Why the numbers cannot tell, where they cannot: a clause of the sentence. */
  readonly reason?: string;
}

/** The numbers are as claimed, and could have been otherwise. `conclusion` completes the sentence. */
export const agreeing = (seen: string, conclusion: string, claim: Claim = 'the theory'): Verdict => ({
  agreement: 'agrees',
  sentence: `${seen}${conclusion}.`,
  claim,
});

/** The numbers contradict the claim, where it should hold. */
export const disagreeing = (seen: string, conclusion: string, claim: Claim = 'the theory'): Verdict => ({
  agreement: 'disagrees',
  sentence: `${seen}${conclusion}.`,
  claim,
});

/** The numbers neither confirm nor refute the claim. */
export const undecided = (seen: string | undefined, reason: string, claim: Claim = 'the theory'): Verdict => ({
  agreement: 'undecided',
  sentence: seen === undefined ? `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.` : `${seen}; ${reason}.`,
  claim,
  reason,
});

/** The numbers stand for themselves. */
export const measured = (sentence: string): Verdict => ({ agreement: 'measured', sentence });

/**
 * The badge: a mark that is not a colour, and one of three verdicts in words; why nothing can be told, the sentence says.
 * Undefined where nothing is claimed.
 */
export function badgeOf({ agreement, claim }: Verdict): { readonly mark: string; readonly text: string } | undefined {
  if (agreement === 'measured') return undefined;
  if (agreement === 'agrees') return { mark: '✓', text: `Agrees with ${claim}` };
  if (agreement === 'disagrees') return { mark: '✗', text: `Does not agree with ${claim}` };
  return { mark: '?', text: `Cannot tell whether this agrees with ${claim}` };
}
