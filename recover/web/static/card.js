// The card page: Stripe's Payment Element in place. Without this script, or without Stripe.js, the
// same form goes to Stripe's hosted page.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);

  // A page from the browser's back-forward store may show what is no longer so.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });

  async function post(url, fields) {
    const response = await fetch(url, {
      method: "POST",
      body: fields,
      headers: { Accept: "application/json" },
      credentials: "same-origin",
    });
    const answer = await response.json();
    if (!response.ok) throw new Refused(answer.message);
    return answer;
  }

  // What the server says in words; anything else that is thrown is a lost connection.
  class Refused extends Error {}

  function speak(status, error, busyElements) {
    return {
      busy(text) {
        error.textContent = "";
        status.textContent = text;
        status.classList.add("busy");
        busyElements.forEach((element) => { element.disabled = true; });
      },
      idle() {
        status.textContent = "";
        status.classList.remove("busy");
        busyElements.forEach((element) => { element.disabled = false; });
      },
      fault(text) {
        this.idle();
        error.textContent = text;
      },
    };
  }

  function stripeFor(key, account) {
    return window.Stripe(key, account ? { stripeAccount: account } : {});
  }

  function look() {
    const style = getComputedStyle(document.documentElement);
    const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
    const value = (name) => style.getPropertyValue(name).trim();
    return {
      theme: dark ? "night" : "stripe",
      variables: {
        colorPrimary: value("--brand-edge") || value("--accent"),
        colorBackground: value("--surface"),
        colorText: value("--ink"),
        borderRadius: "10px",
        fontSizeBase: "16px",
      },
    };
  }

  function cardForm(form) {
    const startButton = byId("card-start");
    const panel = byId("card-panel");
    const submit = byId("card-submit");
    const cancel = byId("card-cancel");
    const say = speak(byId("card-status"), byId("card-error"),
      [startButton, submit, cancel]);
    const words = form.dataset;
    let stripe = null;
    let elements = null;
    let working = false;

    // One thing at a time: a second click while the first is under way does nothing.
    async function once(text, work) {
      if (working) return;
      working = true;
      say.busy(text);
      try {
        await work();
      } catch (error) {
        say.fault(error instanceof Refused ? error.message : words.lost);
      } finally {
        working = false;
      }
    }

    async function start() {
      const answer = await post(words.start, new FormData(form));
      stripe = stripeFor(answer.publishable_key, answer.stripe_account);
      elements = stripe.elements({
        clientSecret: answer.client_secret, locale: words.language, appearance: look(),
      });
      const card = elements.create("payment");
      card.on("ready", () => {
        say.idle();
        if (card.focus) card.focus();
      });
      card.on("loaderror", () => say.fault(words.noStripe));
      form.querySelectorAll("input[type=checkbox]").forEach((box) => { box.disabled = true; });
      submit.textContent = answer.label;
      startButton.hidden = true;
      [panel, submit, cancel].forEach((element) => { element.hidden = false; });
      card.mount("#payment-element");
    }

    async function save() {
      const outcome = await stripe.confirmSetup({
        elements,
        confirmParams: { return_url: new URL(words.return, window.location.href).href },
        redirect: "if_required",
      });
      if (outcome.error) {
        say.fault(outcome.error.message);
        return;
      }
      say.busy(words.busyPay);
      await finish(outcome.setupIntent.id);
    }

    async function finish(setupIntent) {
      const fields = new FormData();
      fields.set("csrf_token", form.elements.csrf_token.value);
      fields.set("setup_intent", setupIntent);
      let answer = await post(words.finish, fields);
      if (answer.state === "action" && answer.client_secret) {
        say.busy(words.busyConfirm);
        await stripe.handleNextAction({ clientSecret: answer.client_secret });
        say.busy(words.busyPay);
        answer = await post(words.settle, fields);
      }
      window.location.replace(`${words.return}?setup_intent=${encodeURIComponent(setupIntent)}`);
    }

    form.addEventListener("submit", (event) => {
      if (!window.Stripe) return; // on to the hosted page, by the form itself
      event.preventDefault();
      if (panel.hidden) once(words.busyStart, start);
      else once(words.busySave, save);
    });
    submit.addEventListener("click", () => once(words.busySave, save));
    cancel.addEventListener("click", () => window.location.reload());
  }

  function confirmForm(form) {
    const button = form.querySelector("button");
    const say = speak(byId("confirm-status"), byId("confirm-error"), [button]);
    const words = form.dataset;
    if (!window.Stripe || !words.secret) return;
    button.hidden = false;

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (button.disabled) return;
      say.busy(words.busy);
      try {
        await stripeFor(words.key, words.account).handleNextAction({ clientSecret: words.secret });
        await post(form.action, new FormData(form));
        window.location.reload();
      } catch (error) {
        say.fault(error instanceof Refused ? error.message : words.lost);
      }
    });
  }

  const heading = byId("heading");
  if (heading && window.location.pathname.endsWith("/return")) heading.focus();
  if (byId("card-form") && byId("card-start")) cardForm(byId("card-form"));
  if (byId("confirm-form")) confirmForm(byId("confirm-form"));
})();
