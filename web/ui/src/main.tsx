import "@mantine/core/styles.css";
import "./look.css";
import { MantineProvider, createTheme } from "@mantine/core";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { Speech } from "./words/words";

const nonce = document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? "";

// The shades are darker than the library's own: white text on them reads at 4.5:1.
const theme = createTheme({
  primaryColor: "teal",
  primaryShade: { light: 9, dark: 9 },
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif',
  components: Object.fromEntries(["PasswordInput", "TextInput", "Textarea"].map((name) => [name, { defaultProps: { withAsterisk: false } }])), // all fields are needed
  headings: { fontWeight: "650" },
});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <Speech><App /></Speech>
    </MantineProvider>
  </StrictMode>,
);
