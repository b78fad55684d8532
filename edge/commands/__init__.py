"""The subcommands of `eyespot` that run on a device."""
