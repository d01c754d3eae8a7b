// Says on the page when a passkey was cancelled or is unknown; asking for it is allauth's script.
"use strict";

document.addEventListener("allauth.error", (event) => {
  event.preventDefault(); // what went wrong stands on the page, not in the console
  const said = document.querySelector("[data-passkey-said]");
  if (said) said.hidden = false;
});
