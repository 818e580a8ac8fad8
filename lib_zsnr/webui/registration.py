"""What the extension asks the host to call. The host forgets it all at Reload UI and runs the script file again."""

from __future__ import annotations

from modules import script_callbacks

from lib_zsnr.webui.page import pasting, prompt_tag, routes, settings_page, xyz


def register(component: settings_page.MakeComponent) -> None:
    """Called by the script file each time it is run; component makes those of the settings page.

    Only one callback is registered there and then: the host looks through the stack at each, which is slow (20 ms)
    while a script file is being imported. And the host loads the X/Y/Z plot, and empties its registry of tags, after
    the scripts.
    """

    def before_ui() -> None:
        settings_page.add_rows(component)
        prompt_tag.register()
        script_callbacks.on_infotext_pasted(pasting.on_infotext_pasted)
        script_callbacks.on_app_started(routes.register)
        # Last: it reads what all the other extensions have put there, and the host goes on where it fails.
        xyz.register()

    script_callbacks.on_before_ui(before_ui)
