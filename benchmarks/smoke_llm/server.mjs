// A tiny chat-completions server on loopback for one opt-in smoke test: node server.mjs MODEL.gguf PORT
// It speaks just enough of the protocol for LIBRA: messages, response_format json_schema / json_object / text, usage.
import http from "node:http";
import {getLlama, LlamaChatSession, LlamaLogLevel} from "node-llama-cpp";

const [modelPath, port] = process.argv.slice(2);
const llama = await getLlama({gpu: false, logLevel: LlamaLogLevel.error, build: "never", maxThreads: 1});
const model = await llama.loadModel({modelPath});
const context = await model.createContext({contextSize: 4096, threads: 1});
const sequence = context.getSequence();

// A model of this size rambles: strings of the answer are bounded here, which a schema in strict mode cannot say.
function bounded(schema) {
    if (schema.type === "string" && !schema.enum) return {type: "string", maxLength: 120};
    if (schema.type !== "object") return schema;
    const properties = Object.fromEntries(Object.entries(schema.properties).map(([k, v]) => [k, bounded(v)]));
    return {type: "object", properties};
}

async function grammarFor(format) {
    if (format?.type === "json_schema") return llama.createGrammarForJsonSchema(bounded(format.json_schema.schema));
    if (format?.type === "json_object") return llama.getGrammarFor("json");
    return undefined;
}

async function complete(asked) {
    await sequence.clearHistory();
    const system = asked.messages.filter((m) => m.role === "system").map((m) => m.content).join("\n");
    const session = new LlamaChatSession({contextSequence: sequence, systemPrompt: system});
    const turns = asked.messages.filter((m) => m.role !== "system").map((m) => m.content).join("\n\n");
    const before = sequence.tokenMeter.getState();
    const result = await session.promptWithMeta(turns, {
        grammar: await grammarFor(asked.response_format),
        maxTokens: asked.max_tokens ?? asked.max_completion_tokens ?? 400,
        temperature: asked.temperature ?? 0,
        seed: 1
    });
    const used = sequence.tokenMeter.diff(before);
    session.dispose({disposeSequence: false});
    return {
        id: "smoke", object: "chat.completion", created: 0, model: "SmolLM2-135M-Instruct.Q4_1",
        choices: [{
            index: 0,
            message: {role: "assistant", content: result.responseText},
            finish_reason: result.stopReason === "maxTokens" ? "length" : "stop"
        }],
        usage: {
            prompt_tokens: used.usedInputTokens,
            completion_tokens: used.usedOutputTokens,
            total_tokens: used.usedInputTokens + used.usedOutputTokens
        }
    };
}

let queue = Promise.resolve(); // one sequence, one question at a time
http.createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
        queue = queue.then(async () => {
            const [status, body] = await complete(JSON.parse(Buffer.concat(chunks)))
                .then((done) => [200, done], (error) => [500, {error: {message: String(error)}}]);
            response.writeHead(status, {"content-type": "application/json"});
            response.end(JSON.stringify(body));
        });
    });
}).listen(Number(port), "127.0.0.1", () => console.log("ready"));
