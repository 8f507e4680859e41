// aimock as an upstream: a model endpoint that nobody here wrote. Prints its URL, ends with its standard input.
import { LLMock } from "@copilotkit/aimock";

const mock = new LLMock({ port: 0 });
mock.onMessage("hello", { content: "Hello from aimock, word by word." });
await mock.start();
console.log(mock.url);
process.stdin.resume();
process.stdin.on("end", () => mock.stop().then(() => process.exit(0)));
