from .confusion import draw_confusion as draw_confusion
from .forest import draw_forest as draw_forest
from .gap import draw_gap as draw_gap
from .per_subject import draw_per_subject as draw_per_subject
from .roc import Curve as Curve
from .roc import draw_curves as draw_curves
from .style import caption as caption
from .style import new_figure as new_figure
