/* A stand-in for Stripe.js: a card form, setup intents and 3-D Secure against the pretend Stripe.
 *
 * It plays the part of the calls Recover's page makes, with Stripe's names and Stripe's answers.
 * Unlike the real one it puts its inputs straight into the page and uses no frames. Styles go in
 * through CSSOM only, so it works under a strict Content-Security-Policy.
 */
(() => {
  "use strict";

  const API = new URL(document.currentScript.src).origin;

  const WORDS = {
    en: {
      number: "Card number", expiry: "Expiration date", cvc: "Security code",
      incomplete_number: "Your card number is incomplete.",
      invalid_number: "Your card number is invalid.",
      incomplete_expiry: "Your card's expiration date is incomplete.",
      invalid_expiry_year_past: "Your card's expiration date is in the past.",
      incomplete_cvc: "Your card's security code is incomplete.",
      bank: "Your bank wants to know that it is you", pass: "Complete authentication", fail: "Fail",
    },
    de: {
      number: "Kartennummer", expiry: "Ablaufdatum", cvc: "Prüfziffer",
      incomplete_number: "Die Kartennummer ist unvollständig.",
      invalid_number: "Die Kartennummer ist ungültig.",
      incomplete_expiry: "Das Ablaufdatum ist unvollständig.",
      invalid_expiry_year_past: "Das Ablaufdatum liegt in der Vergangenheit.",
      incomplete_cvc: "Die Prüfziffer ist unvollständig.",
      bank: "Ihre Bank möchte wissen, dass Sie es sind", pass: "Bestätigen", fail: "Ablehnen",
    },
    fr: {
      number: "Numéro de carte", expiry: "Date d’expiration", cvc: "Code de sécurité",
      incomplete_number: "Le numéro de carte est incomplet.",
      invalid_number: "Le numéro de carte n’est pas valide.",
      incomplete_expiry: "La date d’expiration est incomplète.",
      invalid_expiry_year_past: "La date d’expiration est passée.",
      incomplete_cvc: "Le code de sécurité est incomplet.",
      bank: "Votre banque veut s’assurer que c’est bien vous", pass: "Confirmer", fail: "Refuser",
    },
  };

  const wordsFor = (locale) => {
    const wanted = !locale || locale === "auto" ? document.documentElement.lang : locale;
    return WORDS[(wanted || "en").slice(0, 2)] || WORDS.en;
  };

  const digits = (text) => text.replace(/\D/g, "");

  const luhn = (number) =>
    [...number].reverse().reduce((sum, digit, index) => {
      const value = Number(digit) * (index % 2 ? 2 : 1);
      return sum + (value > 9 ? value - 9 : value);
    }, 0) % 10 === 0;

  /* ---- talking to the pretend Stripe ---------------------------------------------------------- */

  const flatten = (value, name, into) => {
    if (value !== null && typeof value === "object") {
      for (const key of Object.keys(value)) {
        flatten(value[key], name ? `${name}[${key}]` : key, into);
      }
    } else if (value !== undefined) {
      into.append(name, value);
    }
    return into;
  };

  const unreachable = () => ({
    error: {
      type: "api_connection_error",
      message: "We are experiencing issues connecting to our payments provider. Please try again.",
    },
  });

  const idOf = (secret) => secret.split("_secret_")[0];
  const kindOf = (secret) => (secret.startsWith("seti_") ? "setupIntent" : "paymentIntent");
  const pathOf = (secret) =>
    `/v1/${secret.startsWith("seti_") ? "setup_intents" : "payment_intents"}/${idOf(secret)}`;

  const caller = (key, account) => async (method, path, params) => {
    const form = flatten({ ...params, key, _stripe_account: account }, "", new URLSearchParams());
    const get = method === "GET";
    try {
      const answer = await fetch(`${API}${path}${get ? `?${form}` : ""}`, {
        method,
        body: get ? undefined : form,
        credentials: "omit",
      });
      const body = await answer.json();
      return body.error ? { error: body.error } : { object: body };
    } catch {
      return unreachable();
    }
  };

  /* ---- the card form ----------------------------------------------------------------------------- */

  const addStyles = (root, appearance) => {
    const chosen = (appearance && appearance.variables) || {};
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`
      .psx { display: grid; grid-template-columns: 1fr 1fr; gap: 12px;
        color: ${chosen.colorText || "inherit"};
        font-family: ${chosen.fontFamily || "inherit"}; }
      .psx label { display: block; font-size: 0.875em; font-weight: 600; }
      .psx label:first-child { grid-column: 1 / -1; }
      .psx input { display: block; box-sizing: border-box; width: 100%; min-height: 44px;
        margin-top: 4px; padding: 10px 12px; font: inherit; font-size: 16px; font-weight: 400;
        color: inherit; background: ${chosen.colorBackground || "transparent"};
        border: 1px solid #8a8fa3; border-radius: ${chosen.borderRadius || "8px"}; }
      .psx input:focus-visible { outline: 3px solid ${chosen.colorPrimary || "#3b4cca"};
        outline-offset: 1px; }
      .psx input[aria-invalid="true"] { border-color: ${chosen.colorDanger || "#b3261e"}; }
      .psx-error { grid-column: 1 / -1; margin: 0; font-size: 0.875em;
        color: ${chosen.colorDanger || "#b3261e"}; }
      .psx-dialog { max-width: 22rem; padding: 24px; border: 0; border-radius: 12px;
        font: 16px/1.5 system-ui, sans-serif; color: #1a1f36; background: #fff; }
      .psx-dialog::backdrop { background: rgb(10 12 24 / 60%); }
      .psx-dialog button { display: block; width: 100%; min-height: 44px; margin-top: 12px;
        font: inherit; font-weight: 600; border: 1px solid #3b4cca; border-radius: 8px;
        color: #3b4cca; background: transparent; cursor: pointer; }
      .psx-dialog button:first-of-type { color: #fff; background: #3b4cca; }
    `);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  };

  const field = (name, label, attributes) => {
    const wrapper = document.createElement("label");
    const input = document.createElement("input");
    wrapper.append(label, input);
    Object.assign(input, { name, inputMode: "numeric", required: true, ...attributes });
    return { wrapper, input };
  };

  class PaymentElement {
    constructor(options) {
      this.words = wordsFor(options.locale);
      this.listeners = {};
      this.root = document.createElement("div");
      this.root.className = "psx";
      const { words } = this;
      this.number = field("number", words.number, {
        autocomplete: "cc-number", placeholder: "1234 1234 1234 1234", maxLength: 23,
      });
      this.expiry = field("expiry", words.expiry, {
        autocomplete: "cc-exp", placeholder: "MM / YY", maxLength: 7,
      });
      this.cvc = field("cvc", words.cvc, {
        autocomplete: "cc-csc", placeholder: "CVC", maxLength: 4,
      });
      this.error = document.createElement("p");
      this.error.className = "psx-error";
      this.error.setAttribute("role", "alert");
      this.root.append(this.number.wrapper, this.expiry.wrapper, this.cvc.wrapper, this.error);
      this.root.addEventListener("input", (event) => this.typed(event.target));
      this.root.addEventListener("focusin", () => this.tell("focus", {}));
      this.root.addEventListener("focusout", () => this.tell("blur", {}));
      addStyles(document, options.appearance);
    }

    mount(place) {
      const node = typeof place === "string" ? document.querySelector(place) : place;
      if (!node) throw new Error(`The selector you specified (${place}) applies to no DOM elements.`);
      node.replaceChildren(this.root);
      queueMicrotask(() => this.tell("ready", {}));
    }

    unmount() { this.root.remove(); }
    destroy() { this.unmount(); }
    focus() { this.number.input.focus(); }
    update() {}
    on(event, listener) {
      (this.listeners[event] ||= []).push(listener);
      return this;
    }
    once(event, listener) {
      const only = (detail) => { this.off(event, only); listener(detail); };
      return this.on(event, only);
    }
    off(event, listener) {
      this.listeners[event] = (this.listeners[event] || []).filter(
        (known) => listener && known !== listener,
      );
      return this;
    }
    tell(event, detail) {
      for (const listener of this.listeners[event] || []) {
        listener({ elementType: "payment", ...detail });
      }
    }

    typed(input) {
      const text = digits(input.value);
      if (input === this.number.input) input.value = text.replace(/(\d{4})(?=\d)/g, "$1 ");
      if (input === this.expiry.input) {
        input.value = text.length > 2 ? `${text.slice(0, 2)} / ${text.slice(2, 4)}` : text;
      }
      this.show(null);
      this.tell("change", {
        complete: !this.fault(), empty: !digits(this.number.input.value),
        collapsed: false, value: { type: "card" },
      });
    }

    /* What is wrong with what was typed: [code, input], or null. */
    fault() {
      const number = digits(this.number.input.value);
      const [month, year] = [this.expiry.input.value.slice(0, 2), digits(this.expiry.input.value).slice(2)];
      if (number.length < 12) return ["incomplete_number", this.number.input];
      if (!luhn(number)) return ["invalid_number", this.number.input];
      if (year.length < 2 || Number(month) < 1 || Number(month) > 12) {
        return ["incomplete_expiry", this.expiry.input];
      }
      if (digits(this.cvc.input.value).length < 3) return ["incomplete_cvc", this.cvc.input];
      return null;
    }

    show(fault) {
      for (const { input } of [this.number, this.expiry, this.cvc]) {
        input.setAttribute("aria-invalid", String(Boolean(fault) && input === fault[1]));
      }
      this.error.textContent = fault ? this.words[fault[0]] : "";
    }

    /* null, or Stripe's validation error, which is also shown at the field. */
    validate() {
      const fault = this.fault();
      this.show(fault);
      if (!fault) return null;
      fault[1].focus();
      return { type: "validation_error", code: fault[0], message: this.words[fault[0]] };
    }

    card() {
      const expiry = digits(this.expiry.input.value);
      return {
        number: digits(this.number.input.value),
        exp_month: expiry.slice(0, 2), exp_year: `20${expiry.slice(2, 4)}`,
        cvc: digits(this.cvc.input.value),
      };
    }
  }

  /* ---- 3-D Secure ---------------------------------------------------------------------------------- */

  const askTheCardholder = (words) =>
    new Promise((resolve) => {
      const dialog = document.createElement("dialog");
      dialog.className = "psx-dialog";
      dialog.setAttribute("aria-label", words.bank);
      const title = document.createElement("strong");
      title.textContent = words.bank;
      dialog.append(title);
      const end = (outcome) => { dialog.close(); dialog.remove(); resolve(outcome); };
      for (const [outcome, text] of [["success", words.pass], ["fail", words.fail]]) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = text;
        button.addEventListener("click", () => end(outcome));
        dialog.append(button);
      }
      dialog.addEventListener("cancel", (event) => { event.preventDefault(); end("fail"); });
      addStyles(document, null);
      document.body.append(dialog);
      dialog.showModal();
    });

  /* ---- Stripe(...) ----------------------------------------------------------------------------------- */

  window.Stripe = (key, settings = {}) => {
    if (typeof key !== "string" || !key.startsWith("pk_")) {
      throw new Error("Please call Stripe() with your publishable key. You used an empty string.");
    }
    const call = caller(key, settings.stripeAccount);
    const failure = (object) => object.last_setup_error || object.last_payment_error;

    const wrap = (secret, answer) =>
      answer.error ? { error: answer.error } : { [kindOf(secret)]: answer.object };

    const authenticate = async (secret) => {
      const outcome = await askTheCardholder(wordsFor(settings.locale));
      const answer = await call("POST", "/v1/sandbox/authenticate", { client_secret: secret, outcome });
      if (answer.object && outcome === "fail") return { error: failure(answer.object) };
      return wrap(secret, answer);
    };

    const finish = async (secret, answer) => {
      if (answer.object && answer.object.status === "requires_action") return authenticate(secret);
      return wrap(secret, answer);
    };

    const retrieve = async (secret) =>
      wrap(secret, await call("GET", pathOf(secret), { client_secret: secret }));

    const confirmSetup = async (options) => {
      const { elements, confirmParams = {}, redirect } = options;
      const secret = options.clientSecret || (elements && elements.clientSecret);
      const element = elements && elements.getElement("payment");
      const refused = element && element.validate();
      if (refused) return { error: refused };
      const details = (confirmParams.payment_method_data || {}).billing_details;
      const result = await finish(
        secret,
        await call("POST", `${pathOf(secret)}/confirm`, {
          client_secret: secret,
          return_url: confirmParams.return_url,
          payment_method_data: { type: "card", billing_details: details, card: element.card() },
        }),
      );
      if (result.error || redirect === "if_required") return result;
      const home = new URL(confirmParams.return_url);
      home.searchParams.set("setup_intent", idOf(secret));
      home.searchParams.set("setup_intent_client_secret", secret);
      home.searchParams.set("redirect_status", result.setupIntent.status);
      window.location.assign(home);
      return new Promise(() => {});
    };

    return {
      elements(options = {}) {
        let payment = null;
        return {
          clientSecret: options.clientSecret,
          create(type, more = {}) {
            if (type !== "payment") throw new Error(`The stand-in has no ${type} element.`);
            payment = new PaymentElement({ locale: settings.locale, ...options, ...more });
            return payment;
          },
          getElement: () => payment,
          async submit() {
            const error = payment.validate();
            return error ? { error } : {};
          },
          update(changes) { Object.assign(options, changes); },
          async fetchUpdates() { return {}; },
        };
      },
      confirmSetup,
      retrieveSetupIntent: retrieve,
      retrievePaymentIntent: retrieve,
      async handleNextAction({ clientSecret }) {
        const now = await retrieve(clientSecret);
        if (now.error) return now;
        return finish(clientSecret, { object: now[kindOf(clientSecret)] });
      },
      async confirmCardPayment(secret, data = {}) {
        const answer = await call("POST", `${pathOf(secret)}/confirm`, {
          client_secret: secret,
          payment_method: data.payment_method,
        });
        return finish(secret, answer);
      },
    };
  };
  window.Stripe.version = "sandbox";
})();
