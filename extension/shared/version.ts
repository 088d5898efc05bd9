import { version } from '../../package.json';

/** Name and version of this program, as runs record it. */
export const toolVersion = `optimizer-bias-inspector ${version}`;
