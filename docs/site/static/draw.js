// Drawings take the colors of the page: light or dark as the reader has chosen, or else as the system has it.
const chosen = document.body.dataset.theme;
const dark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
mermaid.initialize({ startOnLoad: false, theme: dark ? "dark" : "neutral" });
mermaid.run();
