// The export workflow as it is deployed: with the template's substitutions in place.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const yaml = require('yaml');

const root = path.join(__dirname, '../..');
const EXPORT = 'statemachine/export.asl.json';

// A value for each name that the template substitutes.
const values = {
  Partition: 'aws',
  FunctionArn: 'arn:aws:lambda:eu-west-1:123456789012:function:clip-export',
  FailedEventsQueueUrl: 'https://sqs.eu-west-1.amazonaws.com/123456789012/failed',
  PostRollSeconds: '20',
  SettleSeconds: '30',
};

// The names that stand in the definition, and those that the template has a value for.
function names() {
  const text = fs.readFileSync(path.join(root, EXPORT), 'utf8');
  // CloudFormation's tags are not YAML's own; their values do not matter here.
  const template = yaml.parse(fs.readFileSync(path.join(root, 'template.yaml'), 'utf8'), { logLevel: 'silent' });
  return {
    used: [...new Set([...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name))].sort(),
    substituted: Object.keys(template.Resources.ExportStateMachine.Properties.DefinitionSubstitutions).sort(),
  };
}

// The text of a state machine, by its path in the project.
function definition(file) {
  const text = fs.readFileSync(path.join(root, file), 'utf8');
  return file === EXPORT ? text.replace(/\$\{(\w+)\}/g, (_, name) => values[name]) : text;
}

module.exports = { EXPORT, definition, names, root };
