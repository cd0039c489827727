// Which page is shown: the path of the address, without a library.
import { type AnchorHTMLAttributes, useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
const tell = () => listeners.forEach((f) => f());
window.addEventListener("popstate", tell);

export function go(path: string) {
  history.pushState(null, "", path);
  window.scrollTo(0, 0);
  tell();
  document.getElementById("main")?.focus();
}

// useWay returns the parts of the path: ["ask", "health-rec-…"].
export function useWay(): string[] {
  const path = useSyncExternalStore((f) => (listeners.add(f), () => listeners.delete(f)), () => location.pathname);
  return path.split("/").filter(Boolean);
}

export function To({ to, ...rest }: { to: string } & AnchorHTMLAttributes<HTMLAnchorElement>) {
  return <a href={to} {...rest} onClick={(e) => {
    rest.onClick?.(e);
    if (e.metaKey || e.ctrlKey || e.shiftKey || e.button !== 0) return;
    e.preventDefault();
    go(to);
  }} />;
}
