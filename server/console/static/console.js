// What pages need beside htmx: confirmations, toasts, menus, and the mark of a live connection.
(() => {
  const TOAST_MS = 7000;

  // A question before something is done, in a dialog of ours instead of the browser's.
  document.addEventListener("htmx:confirm", (event) => {
    const { ctx, issueRequest, dropRequest } = event.detail;
    if (!ctx?.confirm) return;
    event.preventDefault();
    const dialog = document.getElementById("confirm");
    const asked = ctx.sourceElement;
    document.getElementById("confirm-text").textContent = ctx.confirm;
    document.getElementById("confirm-yes").textContent = asked.dataset.confirmYes || document.getElementById("confirm-title").textContent;
    dialog.returnValue = "no";
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "yes") issueRequest();
      else dropRequest?.();
    }, { once: true });
    dialog.showModal();
  });

  // Toasts go by themselves, but not while somebody reads or holds them.
  const letGo = (toast) => {
    setTimeout(() => {
      if (toast.matches(":hover, :focus-within")) letGo(toast);
      else toast.remove();
    }, TOAST_MS);
  };
  const toasts = document.getElementById("toasts");
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node.classList?.contains("toast")) letGo(node);
    }
  }).observe(toasts, { childList: true });
  toasts.addEventListener("click", (event) => {
    event.target.closest(".toast-close")?.closest(".toast").remove();
  });

  // One menu is open at a time; Escape and a click elsewhere close it.
  const menus = () => document.querySelectorAll("details.menu[open]");
  document.addEventListener("click", (event) => {
    for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of menus()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // What a link opens in place: loaded once, then shown and hidden. Others follow the link.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("a[data-opens]");
    if (!opener || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const row = document.getElementById(opener.dataset.opens).closest(".opened");
    row.hidden = !row.hidden;
    opener.setAttribute("aria-expanded", String(!row.hidden));
    if (opener.dataset.loaded) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
    opener.dataset.loaded = "yes";
  }, true);
  document.addEventListener("htmx:response:error", (event) => {
    const opener = event.target.closest?.("a[data-opens]");
    if (!opener) return;
    delete opener.dataset.loaded;
    document.getElementById(opener.dataset.opens).closest(".opened").hidden = true;
    opener.setAttribute("aria-expanded", "false");
  });

  // A choice that shows itself at once, a file whose text goes into a field, a text to copy.
  document.addEventListener("change", async (event) => {
    const chosen = event.target;
    if (chosen.matches("select[data-submits]")) {
      // Another tariff has other versions.
      for (const each of chosen.form.elements) if (each.name === "version" && each !== chosen) each.disabled = true;
      chosen.form.submit();
    } else if (chosen.matches("input[data-fills]") && chosen.files.length) {
      document.getElementById(chosen.dataset.fills).value = await chosen.files[0].text();
    }
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button[data-copies]");
    if (!button) return;
    const copied = document.getElementById(button.dataset.copies);
    getSelection().selectAllChildren(copied);
    try {
      await navigator.clipboard.writeText(copied.textContent);
    } catch {
      return; // It is selected, at least.
    }
    button.querySelector("span").textContent = button.dataset.copied;
  });

  // The mark of a live connection, and what to do when the session behind it has ended.
  const mark = (event, state) => {
    const id = event.target.dataset?.liveMark;
    if (id) document.getElementById(id).dataset.live = state;
  };
  document.addEventListener("htmx:sse:after:connection", (event) => mark(event, "on"));
  document.addEventListener("htmx:sse:after:message", (event) => mark(event, "on"));
  document.addEventListener("htmx:sse:error", (event) => {
    if (event.detail.status === 401) location.reload();
    else mark(event, "off");
  });
  document.addEventListener("signed-out", () => location.reload());

  // The tab of the page that is open, in sight also on a narrow screen.
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
})();
