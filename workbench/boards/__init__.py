"""Boards on the desk: which there are, how they are reached, and the agent that measures on them.

    inventory ─▶ ssh (or this machine) ─▶ channel ─▶ client ══ JSON lines and bytes ══▶ agent, on the board
                                                       └▶ session: what a measurement asks for, checked

The only part of the project that knows the network. What is measured is put together in
`workbench.experiments.board_measure`; here nothing knows torch.
"""
