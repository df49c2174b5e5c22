// Shows /api/openapi.json in Swagger UI, which asks nobody but this origin.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// Each operation begins with a key of its own: sent twice it is a repeat, until another is written there.
function withKeys(api) {
  for (const operation of Object.values(api.paths ?? {}).flatMap(Object.values)) {
    for (const parameter of operation.parameters ?? []) {
      if (parameter.name === "Idempotency-Key") parameter.example = randomKey();
    }
  }
  return api;
}

// Not randomUUID, which browsers have under https only.
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Whoever signs in here goes on as who they are, for as long as the page is open.
function signIn(answer) {
  const token = answer.body?.access_token;
  if (token) ui.preauthorizeApiKey("token", token);
  return answer;
}

const ui = SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  responseInterceptor: signIn,
  plugins: [{ statePlugins: { spec: { wrapActions: { updateJsonSpec: (update) => (api) => update(withKeys(api)) } } } }],
});
