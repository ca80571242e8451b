// What the export workflow's expressions make of events, by the JSONata that Step Functions runs (2.0.6).
'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const jsonata = require('jsonata');

const { EXPORT, definition } = require('./definition.cjs');

const { States: states } = JSON.parse(definition(EXPORT));
const NOW = Date.parse('2026-11-20T10:00:00Z');

function evaluate(field, bindings) {
  const expression = jsonata(field.replace(/^\{%|%\}$/g, ''));
  expression.assign('millis', () => NOW);
  expression.registerFunction('parse', (text) => JSON.parse(text), '<s:x>');
  return expression.evaluate(undefined, bindings);
}

const until = (input) => {
  const { Timestamp } = states.WaitForFootage.Branches[0].States.UntilArchived;
  return evaluate(Timestamp, { states: { input } });
};
const range = (EndTimestamp) => ({
  StreamName: 'front-door',
  ClipFragmentSelector: { TimestampRange: { StartTimestamp: '2026-11-20T09:00:00Z', EndTimestamp } },
});
const around = (Timestamp, AfterSeconds) => ({
  StreamName: 'front-door',
  ClipFragmentSelector: { Around: { Timestamp, BeforeSeconds: 5, AfterSeconds } },
});
const state = (value, timestamp) => ({ alarmName: 'camera-front-door', state: { value, timestamp } });

test('a range is waited for until it has ended and settled', async () => {
  for (const end of [
    '2026-11-20T10:05:00Z',
    '2026-11-20T10:05:00.000Z',
    '2026-11-20T10:05:00.000000000Z',
    '2026-11-20T10:05:00+0000',
    '2026-11-20T11:05:00+01:00',
    '2026-11-20T04:35:00.000-0530',
    '2026-11-20t10:05:00z',
    '2026-11-20 10:05:00Z',
    NOW / 1000 + 300,
  ]) {
    assert.equal(await until(range(end)), '2026-11-20T10:05:30.000Z', end);
  }
  assert.equal(await until(around('2026-11-20T10:05:00Z', 60)), '2026-11-20T10:06:30.000Z');
  assert.equal(await until(around(NOW / 1000 + 0.5, 0)), '2026-11-20T10:00:30.500Z');
  assert.equal(await until(range('2026-11-20T09:59:50Z')), '2026-11-20T10:00:20.000Z', 'it has not settled');
  assert.equal(await until({ source: 'shop', detail: range('2026-11-20T10:05:00Z') }), '2026-11-20T10:05:30.000Z');
});

test('an alarm is waited for until its post roll has passed and settled', async () => {
  const alarm = state('ALARM', '2026-11-20T10:00:00.101+0000');
  assert.equal(await until({ source: 'aws.cloudwatch', detail: alarm }), '2026-11-20T10:00:50.101Z');
  assert.equal(await until({ source: 'aws.cloudwatch', alarmData: alarm }), '2026-11-20T10:00:50.101Z');
});

test('what is over, no alarm, too far ahead or no moment is not waited for', async () => {
  const now = new Date(NOW).toISOString();
  for (const event of [
    range('2026-11-20T09:59:00Z'),
    range('2026-12-21T10:00:00Z'),
    range(NOW + 300_000),
    range('2026-11-20T10:05:00'),
    range('2026-11-20'),
    range('tomorrow'),
    range(`${NOW / 1000 + 300}`),
    range(null),
    around('2026-11-20T10:05:00Z', '60'),
    around('2026-11-20T10:05:00Z', undefined),
    { detail: state('OK', '2026-11-20T10:05:00Z') },
    { alarmData: state('INSUFFICIENT_DATA', '2026-11-20T10:05:00Z') },
    { detail: { state: 'running' } },
    { detail: 'text' },
    { ClipFragmentSelector: 'text' },
    { Records: [{ body: JSON.stringify(range('2026-11-20T10:05:00Z')) }] },
    {},
    [],
    'text',
    7,
    null,
  ]) {
    assert.equal(await until(event), now, JSON.stringify(event));
  }
});

test('a time that cannot be reckoned with is an error, which the state around the wait catches', async () => {
  await assert.rejects(until(range('2026-13-45T25:00:00Z')));
  await assert.rejects(until(range(1e308)));
  const [{ ErrorEquals, Next, Output }] = states.WaitForFootage.Catch;
  assert.deepEqual([ErrorEquals, Next, Output], [['States.ALL'], states.WaitForFootage.Next, states.WaitForFootage.Output]);
});

test('the function and the queue get the event without the mark of a nested execution', async () => {
  const mark = { AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID: 'arn' };
  const event = { StreamName: 'front-door', time: 1795168860.123, list: [{ a: null }], empty: [], nested: { ...mark } };
  for (const [input, expected] of [
    [{ ...mark, ...event }, event],
    [event, event],
    [mark, {}],
    [{}, {}],
    [[event], [event]],
  ]) {
    assert.deepEqual(await evaluate(states.Export.Arguments.Payload, { states: { input } }), expected);
    const body = await evaluate(states.KeepFailedEvent.Arguments.MessageBody, { states: { input } });
    assert.deepEqual(JSON.parse(body), expected);
  }
  for (const input of ['text', 7, true, null]) {
    assert.equal(await evaluate(states.Export.Arguments.Payload, { states: { input } }), input);
  }
});

test('a failure has a type and a message for people, whatever its cause is', async () => {
  const [{ Assign }] = states.Export.Catch;
  const message = async (Cause) => {
    const failure = await evaluate(Assign.failure, { states: { errorOutput: { Error: 'NoFragments', Cause } } });
    assert.equal(failure.Type, 'NoFragments');
    return failure.Message;
  };
  const cause = { errorType: 'NoFragments', errorMessage: 'nothing of "gate"\nis there', trace: [] };
  assert.equal(await message(JSON.stringify(cause)), cause.errorMessage);
  assert.equal(await message(JSON.stringify(cause, null, 2)), cause.errorMessage);
  assert.equal(await message('Rate exceeded'), 'Rate exceeded');
  assert.equal(await message('{"errorMessage": "cut o'), '{"errorMessage": "cut o');
  for (const nothing of ['', undefined, '{"errorMessage": ""}', '{"errorMessage": null}']) {
    assert.equal(await message(nothing), 'No cause was given.');
  }
});
