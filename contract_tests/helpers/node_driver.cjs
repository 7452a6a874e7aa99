// Runs xero-node as its users do: each line of standard input is a call, each line of standard output its result.
// A call names a method of the client, or of an API of it, and its arguments: null is "not given".
const readline = require("readline");
const { Readable } = require("stream");
const { XeroClient } = require(process.env.XERO_NODE);

const client = new XeroClient(JSON.parse(process.env.XERO_CONFIG));

function argument(given) {
  if (given === null) return undefined;
  if (given.$date) return new Date(given.$date);
  return given.$stream ? Readable.from([Buffer.from(given.$stream)]) : given;
}

async function answer(call) {
  if (call.method === "methods") return { body: Object.getOwnPropertyNames(Object.getPrototypeOf(client[call.api])) };
  const owner = call.api ? client[call.api] : client;
  const given = (call.args || []).map(argument);
  const result = await owner[call.method](...given);
  if (!result || !result.response) return { body: result };
  const body = Buffer.isBuffer(result.body) ? { bytes: result.body.length } : result.body;
  return { status: result.response.status ?? result.response.statusCode, body };
}

function problem(error) {
  const given = typeof error === "string" ? JSON.parse(error) : error;
  if (given && given.response) return { status: given.response.statusCode, body: given.response.body };
  return { thrown: String((error && error.message) || error), stack: error && error.stack };
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let result;
    try {
      result = await answer(JSON.parse(line));
    } catch (error) {
      result = problem(error);
    }
    process.stdout.write(JSON.stringify(result === undefined ? null : result) + "\n");
  }
})();
