"""What both demos are built from: devices, models, pictures, the asynchronous pipeline, statistics, drawing.

One picture's way: :mod:`sources` -> :mod:`images` -> :mod:`preprocessing` -> :mod:`pipeline` -> :mod:`topk`,
then :mod:`drawing` and :mod:`writers`. Nothing here prints.
"""
