// Summarises a customer's mail: text in, one sentence out, piece by piece as the model writes it.
// It knows no test and no plugin: the address and the key come from the environment.
const { OPENAI_BASE_URL, OPENAI_API_KEY } = process.env;

let mail = "";
for await (const piece of process.stdin) mail += piece;

const response = await fetch(`${OPENAI_BASE_URL}/chat/completions`, {
  method: "POST",
  headers: { "content-type": "application/json", authorization: `Bearer ${OPENAI_API_KEY}` },
  body: JSON.stringify({
    model: "qwen2.5-coder-1.5b",
    stream: true,
    temperature: 0,
    max_tokens: 60,
    messages: [{ role: "user", content: `Summarise this mail of a customer in one sentence of at most 20 words.\n\n${mail}` }],
  }),
});
if (!response.ok) {
  console.error(`${response.status}: ${await response.text()}`);
  process.exit(1);
}

let rest = "";
const decoder = new TextDecoder();
for await (const piece of response.body) {
  const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
  rest = lines.pop();
  for (const line of lines) {
    if (line.startsWith("data: {")) process.stdout.write(JSON.parse(line.slice(6)).choices[0]?.delta.content ?? "");
  }
}
