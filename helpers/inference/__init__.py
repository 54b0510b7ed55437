"""Trained models on recordings that nobody coded: `training` fits and calibrates, `stored` keeps and checks files,
`recording` reads a video or a folder of frames, `video` goes through it from the face to the answer or the abstention,
`example` draws a recording of a person whom no model has seen.
"""
