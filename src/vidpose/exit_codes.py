"""What the command line ends with, beside 0 and the 1 of a finding."""

BAD_INPUT = 2
# As shells have it for what Ctrl-C ended.
INTERRUPTED = 130
