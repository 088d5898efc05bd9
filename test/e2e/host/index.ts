// In the order in which they run: waking up comes first, and turning off last.
import './activation.ts';
import './languages.ts';
import './runs.ts';
import './agents.ts';
import './disposal.ts';

export { run } from './suite.ts';
