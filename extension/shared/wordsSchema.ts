import { list, object, text } from './schemaTable.ts';
import type { Either, Mention } from './words.ts';

/** Where a schema has a message; its `$defs` have `words`. */
export const words = { $ref: '#/$defs/words' };

/** Schema of a message. */
export const wordsSchema = {
  description: 'A message: a text, or a list of texts and of settings that it speaks of.',
  anyOf: [
    text,
    list({
      anyOf: [
        text,
        object<Mention>({
          setting: ['Key of a setting, as in request.', text],
          value: [
            'The value that is proposed for it.',
            { anyOf: [{ type: ['string', 'number', 'boolean'] }, list(text)] },
            'optional',
          ],
        }),
        object<Either>({
          commandLine: ['What is said on the command line.', text],
          editor: ['What is said in the editor.', text],
        }),
      ],
    }),
  ],
};
