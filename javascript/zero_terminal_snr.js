"use strict";

/**
 * Draws the panel's plot of the noise schedule, and keeps the panel up to date.
 *
 * The numbers are in the figure's data-levels, as the server sent them; this script only draws them. The text below the
 * plot says the same in words, so nothing is lost if this script does not run.
 */
(() => {
    const FORGE_KNOWS = [300, 2000]; // milliseconds
    // Forge's list of checkpoints has no id; on Neo it has that of the option, and the class too.
    const FORGES_CHECKPOINT = "#setting_sd_model_checkpoint input, #quicksettings .model_selection input";
    const SVG = "http://www.w3.org/2000/svg";
    const HEIGHT = 180;
    const MARGIN = {left: 44, right: 16, top: 14, bottom: 34};
    const MIN_WIDTH = 240;
    const LAST_TIMESTEP = 999;
    const TICK_SPACING = 5;
    const START_RADIUS_MARGIN = 8;

    function element(name, attributes, parent, text) {
        const node = document.createElementNS(SVG, name);
        for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
        if (text !== undefined) node.textContent = text;
        parent.append(node);
        return node;
    }

    /** From numbers to coordinates: timesteps fall from left to right, as in sampling; the signal grows upwards. */
    function scales(levels, width) {
        const values = [...levels.ours.log_snr, ...levels.host.log_snr];
        const low = Math.floor(Math.min(...values, 0)) - 1;
        const high = Math.ceil(Math.max(...values, 0)) + 1;
        const left = MARGIN.left + START_RADIUS_MARGIN;
        const across = width - left - MARGIN.right;
        const down = HEIGHT - MARGIN.top - MARGIN.bottom;
        return {
            low,
            high,
            x: (timestep) => left + (1 - timestep / LAST_TIMESTEP) * across,
            y: (logSnr) => MARGIN.top + (1 - (logSnr - low) / (high - low)) * down,
        };
    }

    function axes(svg, at, width) {
        const bottom = HEIGHT - MARGIN.bottom;
        for (let value = Math.ceil(at.low / TICK_SPACING) * TICK_SPACING; value <= at.high; value += TICK_SPACING) {
            element("line", {x1: MARGIN.left, x2: width - MARGIN.right, y1: at.y(value), y2: at.y(value), class: "zsnr-grid"}, svg);
            element("text", {x: MARGIN.left - 6, y: at.y(value) + 4, class: "zsnr-tick", "text-anchor": "end"}, svg, value);
        }
        for (const timestep of [LAST_TIMESTEP, 750, 500, 250, 0]) {
            element("text", {x: at.x(timestep), y: bottom + 14, class: "zsnr-tick", "text-anchor": "middle"}, svg, timestep);
        }
        element("text", {x: width / 2, y: HEIGHT - 4, class: "zsnr-axis", "text-anchor": "middle"}, svg, "timestep");
        const name = {x: 12, y: HEIGHT / 2, class: "zsnr-axis", "text-anchor": "middle"};
        element("text", {...name, transform: `rotate(-90 12 ${HEIGHT / 2})`}, svg, "log SNR");
    }

    function dots(svg, at, side, levels) {
        const group = element("g", {class: `zsnr-dots zsnr-${side}`}, svg);
        const places = levels.timesteps.map((timestep, i) => [at.x(timestep), at.y(levels.log_snr[i])]);
        element("polyline", {points: places.map((place) => place.join(",")).join(" ")}, group);
        for (const [cx, cy] of places) element("circle", {cx, cy, r: 3}, group);
        if (places.length) element("circle", {cx: places[0][0], cy: places[0][1], r: 6, class: "zsnr-start"}, group);
    }

    function draw(figure) {
        const width = Math.max(MIN_WIDTH, figure.clientWidth);
        if (!figure.clientWidth || figure.dataset.drawn === String(width)) return;
        figure.dataset.drawn = width;
        figure.querySelector("svg")?.remove();
        const levels = JSON.parse(figure.dataset.levels);
        // Hidden from screen readers, which read the same in words in the caption.
        const svg = document.createElementNS(SVG, "svg");
        svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
        svg.setAttribute("aria-hidden", "true");
        const at = scales(levels, width);
        axes(svg, at, width);
        dots(svg, at, "host", levels.host);
        dots(svg, at, "ours", levels.ours);
        figure.prepend(svg);
    }

    function drawAll(box) {
        box.querySelectorAll("figure.zsnr-preview").forEach(draw);
    }

    /** Request the line about the checkpoint and the preview again. */
    function refresh() {
        gradioApp().querySelectorAll("button.zsnr-refresh").forEach((button) => button.click());
    }

    /** Forge's choice of a checkpoint is no option of the page: its box is looked at whenever the page has changed. */
    function followForgesCheckpoint() {
        const field = gradioApp().querySelector(FORGES_CHECKPOINT);
        if (!field || !gradioApp().querySelector("#forge_ui_preset")) {
            return;
        }
        let chosen = field.value;
        onAfterUiUpdate(() => {
            if (field.value !== chosen) {
                chosen = field.value;
                // Once when the WebUI usually knows, and again for when it was slow.
                FORGE_KNOWS.forEach((wait) => setTimeout(refresh, wait));
            }
        });
    }

    /** gradio gives the number beside a slider no accessible name, and the WebUI none to the check box of an accordion. */
    function nameControls(accordion) {
        const title = accordion.querySelector(".label-wrap span");
        title.querySelector("input")?.setAttribute("aria-label", title.textContent.trim());
        for (const number of accordion.querySelectorAll("input[type=number]")) {
            number.setAttribute("aria-label", number.closest(".block").querySelector("label span").textContent.trim());
        }
    }

    /** What gradio locks or unlocks it makes anew, without the tooltip that the WebUI had given it. */
    function keepTooltips() {
        const titles = new Map();
        const keep = () => {
            for (const box of gradioApp().querySelectorAll(".zsnr-lockable")) {
                const title = titles.get(box.id);
                if (box.title) titles.set(box.id, box.title);
                // The WebUI translates what it finds in the page, and not what is put there later.
                else if (title) box.title = window.localization?.[title] ?? title;
            }
        };
        keep();
        onAfterUiUpdate(keep);
    }

    function start() {
        for (const box of gradioApp().querySelectorAll(".zsnr-preview-box")) {
            new MutationObserver(() => drawAll(box)).observe(box, {childList: true, subtree: true});
            // While the panel is folded its width is 0.
            new ResizeObserver(() => drawAll(box)).observe(box);
            nameControls(box.closest(".input-accordion"));
        }
        keepTooltips();
        followForgesCheckpoint();
        refresh();
    }

    onUiLoaded(start);
    // Switching the checkpoint changes an option too, as do the settings on our page.
    onOptionsChanged(refresh);
})();
