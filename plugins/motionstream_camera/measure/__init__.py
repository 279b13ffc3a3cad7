"""Measurements of the camera on real posed videos: `python -m motionstream_camera.measure poses|views --data FOLDER`.

`poses` holds predicted tracks against the tracks of the real video; `views` holds pictures against the real later
frames.
"""
