"""The planned machines as containers: made, bootstrapped, looked after."""
