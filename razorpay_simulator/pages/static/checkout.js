// The simulator's stand-in for the processor's browser script: same options, same answers, no real money.
"use strict";

(() => {
  const home = new URL(document.currentScript.src).origin;

  const nest = (fields) => {
    const error = {};
    for (const [name, value] of Object.entries(fields)) {
      const inner = /^error\[(\w+)\]$/.exec(name);
      if (inner) error[inner[1]] = inner[1] === "metadata" ? JSON.parse(value) : value;
    }
    return { error };
  };

  const postTo = (address, fields) => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = address;
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement("input");
      input.type = "hidden";
      input.name = name;
      input.value = value;
      form.append(input);
    }
    document.body.append(form);
    form.submit();
  };

  class Razorpay {
    #options;
    #listeners = new Map();
    #dialog = null;
    #listen = (event) => this.#hear(event);

    constructor(options) {
      if (!options || !options.key) throw new Error("`key` is mandatory");
      if (!options.order_id) throw new Error("`order_id` is mandatory here");
      this.#options = options;
    }

    on(name, listener) {
      const known = this.#listeners.get(name) || [];
      this.#listeners.set(name, [...known, listener]);
      return this;
    }

    open() {
      if (this.#dialog) return;
      const query = new URLSearchParams({
        key_id: this.#options.key,
        parent_origin: window.location.origin,
        name: this.#options.name || "",
      });
      const frame = document.createElement("iframe");
      frame.src = `${home}/checkout/${encodeURIComponent(this.#options.order_id)}?${query}`;
      frame.title = "Checkout";
      Object.assign(frame.style, { width: "100%", height: "100%", border: "0" });
      const dialog = document.createElement("dialog");
      dialog.setAttribute("aria-label", "Checkout");
      Object.assign(dialog.style, {
        width: "min(32rem, 96vw)", height: "min(46rem, 92vh)", padding: "0", border: "0", borderRadius: "8px",
      });
      const leave = document.createElement("button");
      leave.type = "button";
      leave.textContent = "Close checkout";
      Object.assign(leave.style, { position: "absolute", right: "8px", bottom: "8px" });
      leave.addEventListener("click", () => this.#dismiss());
      dialog.addEventListener("cancel", (event) => {
        event.preventDefault();
        if (this.#modal().escape !== false) this.#dismiss();
      });
      dialog.append(frame, leave);
      document.body.append(dialog);
      window.addEventListener("message", this.#listen);
      this.#dialog = dialog;
      dialog.showModal();
    }

    close() {
      if (!this.#dialog) return;
      window.removeEventListener("message", this.#listen);
      this.#dialog.remove();
      this.#dialog = null;
    }

    #modal() {
      return this.#options.modal || {};
    }

    #dismiss() {
      this.close();
      if (this.#modal().ondismiss) this.#modal().ondismiss();
    }

    #hear(event) {
      const frame = this.#dialog && this.#dialog.querySelector("iframe");
      if (!frame || event.origin !== home || event.source !== frame.contentWindow) return;
      const { simulator, paid, fields } = event.data || {};
      if (!simulator) return;
      if (this.#options.callback_url && (paid || this.#options.redirect)) {
        this.close();
        postTo(this.#options.callback_url, fields);
      } else if (paid) {
        this.close();
        if (this.#options.handler) this.#options.handler(fields);
      } else {
        for (const listener of this.#listeners.get("payment.failed") || []) listener(nest(fields));
      }
    }
  }

  window.Razorpay = Razorpay;
})();
