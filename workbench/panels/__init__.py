"""Widgets that show a session: charts, tiles, choosers and the frame around them; no arithmetic here."""
