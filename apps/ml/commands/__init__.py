"""The subcommands of `fairmind`: one module per noun or verb; they parse, call and print, and hold no logic."""
