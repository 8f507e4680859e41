// openai from npm transcribes a file and has a text spoken: node audio.mjs BASE_URL KEY MEGABYTES. Prints JSON.
import OpenAI, { toFile } from "openai";

const [base, key, megabytes] = process.argv.slice(2);
const openai = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
const file = await toFile(Buffer.alloc(Number(megabytes) << 20, "x"), "speech.mp3");
const told = await openai.audio.transcriptions.create({ file, model: "whisper-1" }); // the file goes first
const heard = await openai.audio.speech.create({ model: "tts-1", voice: "alloy", input: "Hello there" });
console.log(JSON.stringify({ text: told.text, bytes: (await heard.arrayBuffer()).byteLength }));
