"""What turns features into joints, and joints into what is learnt."""
