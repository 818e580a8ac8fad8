"""The entry: the WebUI runs this file at every start and every Reload UI."""

from modules import scripts

from lib_zsnr.settings import FIELDS, TITLE
from lib_zsnr.webui import hosts

if hosts.refusal():
    # Nothing else of ours is imported: it may need what this WebUI has not.
    from lib_zsnr.ui import refused as refused_panel
    from lib_zsnr.webui import refused

    class ZeroTerminalSNR(scripts.Script):
        """In a WebUI that is not known: a sentence in both tabs."""

        def title(self):
            return TITLE

        def show(self, is_img2img):
            return scripts.AlwaysVisible

        def ui(self, is_img2img):
            return refused_panel.build(self.elem_id, hosts.refusal())

        def process_before_every_sampling(self, p, *args, **kwargs):
            refused.refuse_where_asked_for(p, args)

else:
    from modules.ui_components import InputAccordion

    from lib_zsnr.ui import panel, settings_page
    from lib_zsnr.webui import reached, registration, request
    from lib_zsnr.webui.page import panel_host, pasting

    class ZeroTerminalSNR(scripts.Script):
        """The always-on script of both tabs; every hook hands on to lib_zsnr."""

        # After the built-in scripts, so that what they do to the sampler is there when the plan is attached.
        sorting_priority = 100

        def __init__(self):
            self.host = panel_host.WebuiPanelHost()
            self.panel = None
            panel_host.PageControls().catch(self, lambda found: panel.connect(self.panel, self.host, found))

        def title(self):
            return TITLE

        def show(self, is_img2img):
            return scripts.AlwaysVisible

        def ui(self, is_img2img):
            self.panel = panel.build(InputAccordion, self.elem_id, self.host)
            controls = self.panel.controls
            self.infotext_fields = [pasting.paste_field(control, field) for control, field in zip(controls, FIELDS)]
            self.paste_field_names = [field.infotext for field in FIELDS]
            return controls

        def process_batch(self, p, *args, **kwargs):
            request.write_planned_infotext(p, args)

        def process_before_every_sampling(self, p, *args, **kwargs):
            request.attach_to_sampler(p, args)

        def post_sample(self, p, ps, *args):
            reached.take_back(p)

    registration.register(settings_page.component)
