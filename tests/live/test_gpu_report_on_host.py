"""What a person with a GPU is asked to run, run on the CPU: it prints what is to be sent back."""

from __future__ import annotations

import pytest

from tests.bench import gpu


def test_the_report_of_a_person_with_a_gpu(webui, driver, capsys: pytest.CaptureFixture[str], monkeypatch):
    monkeypatch.setattr(gpu, "ROUNDS", 1)
    driver.load_checkpoint("v_zsnr")
    assert gpu.main(["--url", webui.url, "--size", "64", "--steps", "4"]) == 0
    said = capsys.readouterr().out
    assert "'no_half': True" in said
    assert "checkpoint: v_zsnr" in said
    assert said.count("0 broken") == len(gpu.SAMPLERS)
    assert said.rstrip().endswith("before and after: the same image")


def test_without_a_webui_it_says_what_to_do(capsys: pytest.CaptureFixture[str]):
    assert gpu.main(["--url", "http://127.0.0.1:1"]) == 1
    assert "Start the WebUI with --api and this extension." in capsys.readouterr().out
