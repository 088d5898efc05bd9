import { describe, test } from 'node:test';
import type { Language } from '../../extension/configs/config.ts';
import { expectFound } from './expect.ts';

type Case = readonly [name: string, text: string, ...expected: string[]];

/** A test for each case: what is found in its text, in the form of `expectFound`. */
export function table(title: string, cases: readonly Case[], language: Language = 'python'): void {
  describe(title, () => {
    for (const [name, text, ...expected] of cases) test(name, () => void expectFound(language, text, expected));
  });
}
