// Passkeys: asks the browser to make one or to sign with one, and sends its answer with the form.
// Where the browser has none to offer, the forms stay hidden and the mailed link does it.
"use strict";

(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  function opened(options) {
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    for (const key of options.excludeCredentials || []) key.id = bytes(key.id);
    for (const key of options.allowCredentials || []) key.id = bytes(key.id);
    return options;
  }

  function written(credential) {
    const response = {};
    const parts = [
      "clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle",
    ];
    for (const part of parts) {
      if (credential.response[part]) response[part] = text(credential.response[part]);
    }
    return JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      response,
      clientExtensionResults: credential.getClientExtensionResults(),
    });
  }

  function why(error) {
    if (error.name === "InvalidStateError") return "This device has a passkey for you already.";
    if (error.name === "NotAllowedError") return "Nothing happened: it was cancelled, or took too long.";
    if (error.name === "SecurityError") return "The address of this page is not the one passkeys are made for.";
    return "That did not work. Load the page again, or use the mailed link.";
  }

  async function answer(form) {
    const response = await fetch(form.dataset.options, {
      method: "POST",
      body: new FormData(form),
      headers: { Accept: "application/json" },
      credentials: "same-origin",
      redirect: "error",
    });
    if (!response.ok) throw new Error("no options");
    const publicKey = opened(await response.json());
    return navigator.credentials[form.dataset.passkey]({ publicKey });
  }

  document.querySelectorAll("[data-passkey-missing]").forEach((note) => { note.hidden = true; });
  document.querySelectorAll("form[data-passkey]").forEach((form) => {
    const status = form.querySelector("[role=status]");
    const button = form.querySelector("button");
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      status.textContent = "Waiting for your device …";
      try {
        form.elements.answer.value = written(await answer(form));
        form.submit();
      } catch (error) {
        status.textContent = why(error);
        button.disabled = false;
      }
    });
  });
})();
