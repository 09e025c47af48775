"""What is trained around a split: compensators on the server, learned codecs, and the trainer of both.

pictures ─▶ edge part ─▶ features ─▶ bits ─▶ compensator ─▶ features ─▶ server part ─▶ answer
"""
