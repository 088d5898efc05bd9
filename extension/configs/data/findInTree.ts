import type { Language, OptimizerConfig } from '../config.ts';
import { findInData } from './find.ts';
import { findInMessages } from './findInMessages.ts';
import { findThinc } from './findThinc.ts';
import type { DataNode } from './tree.ts';

/** The optimizer configurations in a document of some language: what its own frameworks write, and what all languages have in common. */
export function findInTree(language: Language, root: DataNode): OptimizerConfig[] {
  if (language === 'textproto') return findInMessages(root);
  if (language !== 'ini') return findInData(root);
  const own = findThinc(root);
  return own.length > 0 ? own : findInData(root);
}
