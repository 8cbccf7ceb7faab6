(function () {
  "use strict";
  var panel = document.getElementById("panel"), body = document.getElementById("panel-body");
  var back = panel.querySelector("[data-back]"), trail = [], opener = null;
  function fill(id) {
    var entry = document.getElementById("why-" + id);
    if (!entry) return false;
    body.textContent = "";
    var copy = entry.cloneNode(true);
    copy.removeAttribute("id");
    copy.open = true;
    body.appendChild(copy);
    body.scrollTop = 0;
    back.hidden = trail.length < 2;
    return true;
  }
  function show(id) {
    trail.push(id);
    if (!fill(id)) { trail.pop(); return false; }
    if (!panel.open) panel.showModal();
    return true;
  }
  document.addEventListener("click", function (event) {
    var link = event.target.closest && event.target.closest("[data-why]");
    if (link && !event.ctrlKey && !event.metaKey && typeof panel.showModal === "function") {
      if (!panel.open) { trail = []; opener = link; }
      if (show(link.getAttribute("data-why"))) event.preventDefault();
    }
  });
  back.addEventListener("click", function () { trail.pop(); fill(trail[trail.length - 1]); });
  panel.addEventListener("close", function () { if (opener && opener.focus) opener.focus(); });
  panel.addEventListener("click", function (event) { if (event.target === panel) panel.close(); });
  function reveal() {
    var at = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (var here = at; here; here = here.parentElement) if (here.tagName === "DETAILS") here.open = true;
    var inside = at && at.querySelector(":scope > .fold");
    if (inside) inside.open = true;
    if (at) at.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();
  var word = document.getElementById("word"), held = null;
  function explain(term) {
    var entry = document.getElementById("term-" + term.getAttribute("data-term"));
    if (!entry) return;
    word.textContent = "";
    var name = document.createElement("b");
    name.textContent = entry.querySelector("dt").textContent;
    word.appendChild(name);
    word.appendChild(document.createTextNode(entry.querySelector("dd").textContent));
    word.hidden = false;
    term.setAttribute("aria-describedby", "word");
    var box = term.getBoundingClientRect(), wide = document.documentElement.clientWidth;
    word.style.left = Math.max(16, Math.min(box.left, wide - word.offsetWidth - 16)) + scrollX + "px";
    word.style.top = box.bottom + scrollY + 8 + "px";
    held = term;
  }
  function hush() { if (held) held.removeAttribute("aria-describedby"); word.hidden = true; held = null; }
  document.querySelectorAll(".term").forEach(function (term) {
    term.addEventListener("mouseenter", function () { explain(term); });
    term.addEventListener("mouseleave", hush);
    term.addEventListener("focus", function () { explain(term); });
    term.addEventListener("blur", hush);
    term.addEventListener("click", function (event) { event.preventDefault(); explain(term); });
  });
  addEventListener("keydown", function (event) { if (event.key === "Escape") hush(); });
  document.addEventListener("click", function (event) { if (held && !event.target.closest(".term")) hush(); });
  var print = document.querySelector("[data-print]");
  if (print) { print.hidden = false; print.addEventListener("click", function () { window.print(); }); }
  var folds = [].slice.call(document.querySelectorAll(".fold"));
  addEventListener("beforeprint", function () {
    folds.forEach(function (fold) { fold.dataset.was = fold.open ? "open" : ""; fold.open = true; });
  });
  addEventListener("afterprint", function () {
    folds.forEach(function (fold) { fold.open = fold.dataset.was === "open"; });
  });
  var contents = document.querySelector(".contents details");
  if (contents && window.matchMedia("(max-width: 63.9rem)").matches) contents.open = false;
})();
