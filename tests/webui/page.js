// What the panel finds in the WebUI's page: its callbacks, and the accordion that is a check box.
window.gradioApp = () => document.querySelector("gradio-app").shadowRoot ?? document;
const changedCallbacks = [];
const loadedCallbacks = [];
const updateCallbacks = [];
window.onUiLoaded = (callback) => loadedCallbacks.push(callback);
window.onOptionsChanged = (callback) => changedCallbacks.push(callback);
window.onAfterUiUpdate = (callback) => updateCallbacks.push(callback);
window.optionsChanged = () => changedCallbacks.forEach((callback) => callback());

function setUpAccordion(accordion) {
    const label = accordion.querySelector(".label-wrap");
    const hidden = document.querySelector(`#${accordion.id}-checkbox input`);
    const isOpen = () => label.classList.contains("open");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = isOpen();
    const span = label.querySelector("span");
    span.insertBefore(box, span.firstChild);
    let linked = true;
    accordion.follow = () => {
        if (linked && isOpen() !== box.checked) label.click();
        if (hidden.checked !== box.checked) hidden.click();
    };
    accordion.box = box;
    new MutationObserver(() => {
        if (!linked) return;
        box.checked = isOpen();
        accordion.follow();
    }).observe(label, {attributes: true, attributeFilter: ["class"]});
    box.addEventListener("click", (event) => {
        linked = false;
        event.stopPropagation();
    });
    box.addEventListener("input", accordion.follow);
}

window.inputAccordionChecked = (id, checked) => {
    const accordion = document.getElementById(id);
    accordion.box.checked = checked;
    accordion.follow();
};

const waiting = setInterval(() => {
    const accordions = document.querySelectorAll(".input-accordion");
    if (!document.querySelector("#img2img_prompt") || accordions.length < 2) return;
    clearInterval(waiting);
    accordions.forEach(setUpAccordion);
    for (const [id, tooltip] of Object.entries(JSON.parse(document.querySelector("#tooltips [data-all]").dataset.all))) {
        document.getElementById(id).title = tooltip;
    }
    let pause;
    new MutationObserver(() => {
        clearTimeout(pause);
        pause = setTimeout(() => updateCallbacks.forEach((callback) => callback()), 200);
    }).observe(document.body, {childList: true, subtree: true});
    loadedCallbacks.forEach((callback) => callback());
}, 50);
