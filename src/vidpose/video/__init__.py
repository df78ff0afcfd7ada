from vidpose.video.frame import Frame as Frame
