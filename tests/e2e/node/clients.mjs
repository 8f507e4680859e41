// The npm SDKs against a base URL: node clients.mjs BASE_URL KEY. Prints what they saw as JSON.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const [base, key] = process.argv.slice(2);
const openai = new OpenAI({ baseURL: `${base}/v1`, apiKey: key });
const anthropic = new Anthropic({ baseURL: base, apiKey: key });
const messages = [{ role: "user", content: "hello" }];
const seen = {};

seen.openai = (await openai.chat.completions.create({ model: "gpt-5.1", messages })).choices[0].message.content;
seen.openai_stream = "";
for await (const chunk of await openai.chat.completions.create({ model: "gpt-5.1", messages, stream: true })) {
  seen.openai_stream += chunk.choices[0].delta.content ?? "";
}
seen.responses = (await openai.responses.create({ model: "gpt-5.1", input: "hello" })).output_text;
seen.anthropic = (await anthropic.messages.create({ model: "claude-sonnet-5", max_tokens: 50, messages })).content[0].text;
const stream = anthropic.messages.stream({ model: "claude-sonnet-5", max_tokens: 50, messages });
seen.anthropic_stream = (await stream.finalMessage()).content[0].text;

const stranger = new OpenAI({ baseURL: `${base}/v1`, apiKey: "tg_wrong" });
seen.refusal = await stranger.chat.completions.create({ model: "gpt-5.1", messages }).catch((error) => error.constructor.name);
console.log(JSON.stringify(seen));
