// aimock as the upstream of the agents. Prints its URL, ends with its standard input.
import { ServerResponse } from "node:http";

import { LLMock } from "@copilotkit/aimock";

const content = "Hello from aimock, word by word.";
const mock = new LLMock({ port: 0 });
mock.on({ model: /^claude-/ }, { content, usage: { input_tokens: 100, output_tokens: 9 } });
mock.on({ model: /^gpt-/ }, { content, usage: { prompt_tokens: 1200, completion_tokens: 9 } });

// Most of what an agent sends is read from the provider's cache, which aimock's usage has no place for: it is written in
// where each API has it. Anthropic counts cached tokens beside its input, OpenAI within.
const CACHED = [
  [/"usage":\{("prompt_tokens":\d+)/g, '"usage":{"prompt_tokens_details":{"cached_tokens":1024},$1'],
  [/"usage":\{("input_tokens":\d+,"output_tokens":\d+,"total_tokens")/g, '"usage":{"input_tokens_details":{"cached_tokens":1024},$1'],
  [/"usage":\{("input_tokens":\d+,"output_tokens":\d+)\}/g, '"usage":{$1,"cache_read_input_tokens":1024,"cache_creation_input_tokens":76}'],
];
const write = ServerResponse.prototype.write;
ServerResponse.prototype.write = function (event, ...rest) {
  const told = typeof event === "string" ? CACHED.reduce((text, [plain, cached]) => text.replace(plain, cached), event) : event;
  return write.call(this, told, ...rest);
};

await mock.start();
console.log(mock.url);
process.stdin.resume();
process.stdin.on("end", () => mock.stop().then(() => process.exit(0)));
