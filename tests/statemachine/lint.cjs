// Holds every state machine to the Amazon States Language.
//
// By two validators, because neither finds all: asl-validator reads the JSONata of every expression and knows
// which fields go with which query language; AWS's language service knows the fields and values of retriers.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const validate = require('asl-validator');
const { getLanguageService, TextDocument } = require('amazon-states-language-service');

const { EXPORT, definition, names, root } = require('./definition.cjs');

async function faults(file) {
  const text = definition(file);
  const { isValid, errorsText } = validate(JSON.parse(text));
  const document = TextDocument.create(file, 'asl', 1, text);
  const service = getLanguageService({});
  const found = await service.doValidation(document, service.parseJSONDocument(document));
  return [
    ...(isValid ? [] : [errorsText()]),
    ...found.map(({ range, message }) => `line ${range.start.line + 1}: ${message}`),
  ];
}

async function main() {
  const samples = 'statemachine/samples';
  const files = [EXPORT, ...fs.readdirSync(path.join(root, samples)).map((name) => `${samples}/${name}`)];
  const { used, substituted } = names();
  const all = used.join() === substituted.join() ? [] : [`${EXPORT}: uses ${used}; the template substitutes ${substituted}`];
  for (const file of files) {
    all.push(...(await faults(file)).map((fault) => `${file}: ${fault}`));
  }
  for (const fault of all) {
    console.error(fault);
  }
  process.exitCode = all.length === 0 ? 0 : 1;
}

main();
