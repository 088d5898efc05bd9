// What GitHub's own parser says of workflow files: `node workflowProblems.mjs FILE…` prints a list for each, as JSON. Bundled before it
// is run, since the parser's modules import JSON in a way that Node 20 refuses.
import { readFileSync } from 'node:fs';
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';

const problemsOf = async (name) => {
  const { context, value } = parseWorkflow({ name, content: readFileSync(name, 'utf8') }, new NoOperationTraceWriter());
  const { errors = [] } = await convertWorkflowTemplate(context, value);
  return [
    ...new Set([...context.errors.getErrors().map(({ message }) => message), ...errors.map(({ Message }) => Message)]),
  ];
};

Promise.all(process.argv.slice(2).map(problemsOf)).then((all) => console.log(JSON.stringify(all)));
