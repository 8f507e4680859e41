// aimock as an upstream: a model endpoint that nobody here wrote. Prints its URL, ends with its standard input.
import { LLMock } from "@copilotkit/aimock";

const mock = new LLMock({ port: 0 });
const usage = { prompt_tokens: 12, completion_tokens: 9, total_tokens: 21, input_tokens: 12, output_tokens: 9 };
mock.onMessage("hello", { content: "Hello from aimock, word by word.", usage });
await mock.start();
console.log(mock.url);
process.stdin.resume();
process.stdin.on("end", () => mock.stop().then(() => process.exit(0)));
