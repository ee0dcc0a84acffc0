"""`python -m retrainer.serving`: the model server's process."""

from retrainer.serving.server import main

if __name__ == "__main__":
    main()
