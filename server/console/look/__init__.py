"""How pages look and speak: texts, figures, templates, assets, charts."""
