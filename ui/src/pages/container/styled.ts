// xterm.js writes style elements and style attributes, which the page's policy forbids, as an injected text could do so
// too. While a terminal is shown, elements are made such that these styles become rules and properties, which are allowed.

/** Begin; returns the end. */
export function stylesByRules(): () => void {
  const sheets = new Set<CSSStyleSheet>();
  const original = (name: string) => Document.prototype.createElement.call(document, name) as HTMLElement;
  const renew = (change: () => void) => {
    const others = document.adoptedStyleSheets.filter((each) => !sheets.has(each));
    change();
    document.adoptedStyleSheets = [...others, ...sheets];
  };

  function inPlaceOfStyle(): HTMLElement {
    const sheet = new CSSStyleSheet();
    const element = original("template");
    Object.defineProperty(element, "textContent", { set: (text: string) => sheet.replaceSync(text) });
    element.remove = () => {
      renew(() => sheets.delete(sheet));
      Element.prototype.remove.call(element);
    };
    renew(() => sheets.add(sheet));
    return element;
  }

  function createElement(name: string): HTMLElement {
    if (name === "style") return inPlaceOfStyle();
    const element = original(name);
    element.setAttribute = (attribute: string, value: string) => {
      if (attribute === "style") element.style.cssText = value;
      else Element.prototype.setAttribute.call(element, attribute, value);
    };
    return element;
  }

  Object.defineProperty(document, "createElement", { value: createElement, configurable: true });
  return () => {
    Reflect.deleteProperty(document, "createElement");
    renew(() => sheets.clear());
  };
}
