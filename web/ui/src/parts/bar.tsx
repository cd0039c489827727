import { Button, Group, Text, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useWords } from "../words/words";

export function Mark() {
  return (
    <Group gap={10} wrap="nowrap">
      <img src="/icon.svg" width={28} height={28} alt="" />
      <Text fw={700} size="lg">Manx</Text>
    </Group>
  );
}

// Shade is light or dark: in the header, or, small, where that has no room for it.
export function Shade({ small }: { small?: boolean }) {
  const { t } = useWords();
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light", { getInitialValueInEffect: false }) === "dark";
  const looks = small ? { size: "compact-xs", variant: "default", hiddenFrom: "xs" } as const : { size: "compact-sm", variant: "subtle", color: "gray", visibleFrom: "xs" } as const;
  return <Button {...looks} onClick={() => setColorScheme(dark ? "light" : "dark")}>{t(dark ? "app.light" : "app.dark")}</Button>;
}

// Choices are the language and light or dark.
export function Choices() {
  const { t, language, speak } = useWords();
  const other = language === "en" ? "zh" : "en";
  return (
    <>
      <Button size="compact-sm" variant="subtle" color="gray" lang={other === "zh" ? "zh-Hans" : "en"} title={t("app.language.label")} onClick={() => speak(other)}>{t("app.language")}</Button>
      <Shade />
    </>
  );
}
