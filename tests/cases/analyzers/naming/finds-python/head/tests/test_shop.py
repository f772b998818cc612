def checkPrice():
    assert True
