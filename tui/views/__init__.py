"""Views: the state as lines of words with meanings; pure, so they are tested without a terminal."""
