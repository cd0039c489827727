import "@mantine/core/styles.css";
import "./look.css";
import { MantineProvider, createTheme } from "@mantine/core";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { Speech, loadWords } from "./words/words";

const nonce = document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content ?? "";

// White text reads at 4.5:1 or more on the eighth shade, and on the ninth, under the
// pointer.
const theme = createTheme({
  colors: { manx: ["#e6f6f4", "#cfeae7", "#a3d7d2", "#74c3bc", "#4db2aa", "#34a79e", "#249a91", "#148178", "#0b6e6e", "#095b5b"] },
  primaryColor: "manx",
  primaryShade: 8,
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif',
  components: Object.fromEntries(["PasswordInput", "TextInput", "Textarea"].map((name) => [name, { defaultProps: { withAsterisk: false } }])), // all fields are needed
  headings: { fontWeight: "650" },
});

void loadWords().then(() => createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <Speech><App /></Speech>
    </MantineProvider>
  </StrictMode>,
));
